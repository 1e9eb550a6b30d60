/** A choice of one, as the browser draws it: antd's would double what the page has to load. */
export function OneFilter({ name, value, onChange, options }: { name: string; value: string | undefined; onChange: (value: string | undefined) => void; options: { value: string; label: string }[] | undefined }) {
  if (options === undefined || options.length === 0) return null
  return (
    <select className="cw-select cw-one-filter" aria-label={name} value={value ?? ''} onChange={(event) => onChange(event.target.value || undefined)}>
      <option value="">{name}</option>
      {options.map((option) => <option key={option.value} value={option.value}>{option.label}</option>)}
    </select>
  )
}
